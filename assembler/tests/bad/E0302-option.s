.core 0
.group lanes=1
.kernel lif GE=1 REFACT=1  ;//~ ERROR E0302 @18
