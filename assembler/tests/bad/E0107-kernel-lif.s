.core 0
.group lanes=4
.kernel lif
.const THETA = 1  ;//~ NOTE @8
.const THETA = 2  ;//~ ERROR E0107 @8
