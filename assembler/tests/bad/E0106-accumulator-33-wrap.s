.core 0
.group lanes=4
.accumulator 33 wrap  ;//~ ERROR E0106 @14
