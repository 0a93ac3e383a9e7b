.macro halt  ;//~ ERROR E0211 @8
.endm
.macro r3  ;//~ ERROR E0211 @8
.endm
.macro cmp.eq  ;//~ ERROR E0211 @8
.endm
.macro add.s24  ;//~ ERROR E0211 @8
.endm
.rept 2, k0  ;//~ ERROR E0211 @10
.endr
