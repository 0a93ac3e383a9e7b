.profile "files/small.toml"  ;//~ NOTE @1
.core 0
.format w sparse signed weight=9 delay=3 index=10  ;//~ ERROR E0402 @9
.format x dense  ;//~ ERROR E0402 @9
.group lanes=2
.accumulator 32 wrap  ;//~ ERROR E0402 @1
.receptors 3  ;//~ ERROR E0402 @1
.slot a 24
.slot b 32  ;//~ ERROR E0402 @7
.slot c 8  ;//~ ERROR E0402 @7
.const A = 3
.const THETA = -5  ;//~ ERROR E0402 @8
.const DECAY = 5000  ;//~ ERROR E0402 @8
.update
    spkg r1  ;//~ ERROR E0402 @5
    halt
.end
.lane 1 -> core 0 axon 0 delay 3, core 0 axon 1  ;//~ ERROR E0402 @7 ;//~ ERROR E0402 @7
.group if lanes=3  ;//~ ERROR E0402 @1
.accumulator 22 wrap
.update
    li r1, 1
    li r2, 2
    li r3, 3
    li r4, 4  ;//~ ERROR E0402 @5
    halt
.end
.group lanes=4  ;//~ ERROR E0402 @1 ;//~ ERROR E0402 @1
.accumulator 22 wrap
.lane 2 -> host 7 element 0  ;//~ ERROR E0402 @7
.axon neuron 0
.axon neuron 1  ;//~ ERROR E0402 @1 ;//~ ERROR E0402 @1
.sparse format=w = 0:1@7
.input x shape=[2] port=7 graded  ;//~ ERROR E0402 @1 ;//~ ERROR E0402 @1
.output y shape=[1]
