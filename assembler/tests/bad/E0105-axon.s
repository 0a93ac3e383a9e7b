.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.axon  ;//~ ERROR E0105 @1
