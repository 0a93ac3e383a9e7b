.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.format w sparse weight=10  ;//~ ERROR E0106 @25
