.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.sparse  ;//~ ERROR E0305 @1
.drain 1
