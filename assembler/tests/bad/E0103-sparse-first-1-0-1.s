.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.sparse first=1 = 0:1  ;//~ ERROR E0103 @9
