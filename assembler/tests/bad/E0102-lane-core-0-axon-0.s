.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.lane -> core 0 axon 0  ;//~ ERROR E0102 @1
