.core 0
.group lanes=4
.ids = 0..=4  ;//~ ERROR E0305 @8
