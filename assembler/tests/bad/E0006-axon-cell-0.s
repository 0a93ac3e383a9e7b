.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.axon cell 0  ;//~ ERROR E0006 @7
