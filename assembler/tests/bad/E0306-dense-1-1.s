.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.dense = 1@1  ;//~ ERROR E0306 @11
