.macro one a, b=2  ;//~ NOTE @8
.endm
one b=1, 2  ;//~ ERROR E0113 @10
