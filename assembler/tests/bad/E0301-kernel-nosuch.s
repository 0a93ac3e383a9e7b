.core 0
.group lanes=4
.kernel nosuch  ;//~ ERROR E0301 @9
