.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.slot v 8  ;//~ ERROR E0102 @1
