.core 0
.group lanes=4
.group lanes=2
.axon neuron 0  ;//~ ERROR E0401 @1
.crossbar = 0
