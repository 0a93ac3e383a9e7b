.core 0
.group lanes=4
.pattern = 0:5 1:-3
.axon neuron 0
.shared pattern=0 first=1
.pattern = 0:1  ;//~ ERROR E0308 @1
.shared  ;//~ ERROR E0105 @1
.shared pattern=1  ;//~ ERROR E0106 @17
