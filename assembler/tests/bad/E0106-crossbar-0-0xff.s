.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.crossbar = 0:0xff  ;//~ ERROR E0106 @13
