.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.format d dense delay=2
.dense = 1@4  ;//~ ERROR E0106 @12
