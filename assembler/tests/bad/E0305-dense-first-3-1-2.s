.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.dense first=3 = 1 2  ;//~ ERROR E0305 @20
