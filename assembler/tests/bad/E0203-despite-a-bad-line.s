.core 0
.group lanes=1
.update
hlat  ;//~ ERROR E0201 @1
br nowhere  ;//~ ERROR E0203 @4
spk 3  ;//~ ERROR E0005 @5
halt
.end
