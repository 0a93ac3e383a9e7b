.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.format w sparse sigend  ;//~ ERROR E0103 @18
