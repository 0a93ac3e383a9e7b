.core 0
.group lanes=1
.lut a count=257 = i  ;//~ ERROR E0106 @14
.lut b count=0 = i  ;//~ ERROR E0106 @14
.lut c = 1 << i  ;//~ ERROR E0106 @10
