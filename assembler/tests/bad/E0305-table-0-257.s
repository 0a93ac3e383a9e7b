.core 0
.group lanes=4
.table = 0#257  ;//~ ERROR E0305 @10
