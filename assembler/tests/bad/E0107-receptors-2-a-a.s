.core 0
.group lanes=4
.receptors 2 = a a  ;//~ ERROR E0107 @18
.update
lda r1, a
lda r2, b  ;//~ ERROR E0006 @9
halt
.end
