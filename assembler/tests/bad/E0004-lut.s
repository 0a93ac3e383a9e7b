.core 0
.group lanes=1
.lut = i  ;//~ ERROR E0004 @6
.lut a i  ;//~ ERROR E0103 @8
.lut a count=2
;//~^ ERROR E0004 @15
.lut a = i i  ;//~ ERROR E0005 @12
.lut b = q15(exp(j))  ;//~ ERROR E0006 @18
.lut b = q15(expp(i))  ;//~ ERROR E0109 @14
