.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.dense group=1 = 1#3  ;//~ ERROR E0305 @18
