.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.format a dense
.sparse format=a = 0:1  ;//~ ERROR E0303 @16
