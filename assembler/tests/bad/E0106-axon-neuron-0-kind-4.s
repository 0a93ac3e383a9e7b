.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.axon neuron 0 kind=4  ;//~ ERROR E0106 @21
