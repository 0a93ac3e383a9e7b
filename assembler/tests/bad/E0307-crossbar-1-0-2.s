.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.crossbar = 1 0:2  ;//~ ERROR E0307 @15
