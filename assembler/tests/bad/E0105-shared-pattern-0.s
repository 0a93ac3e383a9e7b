.core 0
.group lanes=4
.axon neuron 0
.shared pattern=0  ;//~ ERROR E0105 @1
