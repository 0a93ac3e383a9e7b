.core 0
.group lanes=4
.group lanes=2
.axon neuron 0
.sparse = 0:
;//~^ ERROR E0004 @13
