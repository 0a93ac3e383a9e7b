.core 0
.group lanes=1
.lut a = 128 / (i - 3)  ;//~ ERROR E0007 @10
.lut b = q15(log(2 - i))  ;//~ ERROR E0007 @14
.lut c count=4 = i
.assert x  ;//~ ERROR E0006 @9
