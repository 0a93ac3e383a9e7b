.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.format a sparse
.format b sparse
.sparse = 0:1  ;//~ ERROR E0303 @1
