.core 0
.group lanes=4
.group lif lans=4  ;//~ ERROR E0103 @12
