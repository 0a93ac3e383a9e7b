.core 0
.group lanes=4
.kernel lif RSET=1  ;//~ ERROR E0302 @13
