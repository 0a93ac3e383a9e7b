.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.axon 3 neuron 0  ;//~ ERROR E0308 @7
