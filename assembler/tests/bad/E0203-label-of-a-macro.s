.core 0
.group lanes=1
.macro skip
  @p1 br inner
  spk
inner:  ;//~ NOTE @1
.endm
.update
@p1 br inner  ;//~ ERROR E0203 @8
skip
spk
halt
.end
