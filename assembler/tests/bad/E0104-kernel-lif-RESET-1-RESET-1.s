.core 0
.group lanes=4
.kernel lif RESET=1 RESET=1  ;//~ ERROR E0104 @21
