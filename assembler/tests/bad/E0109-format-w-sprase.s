.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.format w sprase  ;//~ ERROR E0109 @11
