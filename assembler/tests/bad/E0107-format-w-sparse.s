.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.format w sparse  ;//~ NOTE @9
.format w dense  ;//~ ERROR E0107 @9
