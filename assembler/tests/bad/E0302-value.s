.core 0
.group lanes=1
.kernel lif GE=1 RESET=3  ;//~ ERROR E0302 @18
