.core 0
.group lanes=4
.ids = 0..=3
.ids = 0..=3  ;//~ ERROR E0107 @1
