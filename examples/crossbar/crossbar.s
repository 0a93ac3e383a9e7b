; crossbar: four TrueNorth neurons in one core; two spikes on one axon in one tick are one spike.
;
; Both elements of the input go to axon 0, which reaches all four neurons with weights 4, 3, 2, 1; every threshold is 4.
; Neuron 0 answers on axon 1, which gives neuron 1 one more. The other neurons go to the host.
;
;   tick   input   axon 0   axon 1   V before the threshold   spikes
;    0     both    once     –        4  3  2  1               0        two packets, one axon bit: `axon_merges` = 1
;    1     –       –        set      0  4  2  1               1        (neuron 2 would have fired at tick 0 on two)
;    2     –       –        –        0  0  2  1               –
;    3     first   once     –        4  3  4  2               0, 2
;    4     –       –        set      0  4  0  2               1

.image network=crossbar chip=truenorth
.dt 0.001

.population neurons count=4

.input spikes shape=[2] port=0
.element 0 -> core 0 axon 0
.element 1 -> core 0 axon 0

.output out shape=[3] readout=count     ; neurons 1, 2, 3

.core 0
.format bits crossbar slot=1            ; weight = slot 1 + kind of the axon: s0, s1, s2, s3
.group lanes=4
.kernel truenorth                       ; reset to reset_v = 0, no leak, floor at 0
.slot s0 = 4 3 2 1                      ; weights of axons of kind 0
.slot s1 = 1                            ; and of kind 1
.slot alpha = 4                         ; threshold: fires at V >= 4
.lane 0 -> core 0 axon 1
.lane 1 -> host 0 element 0
.lane 2 -> host 0 element 1
.lane 3 -> host 0 element 2

.axon input 0 kind=0
.crossbar = 0..=3
.axon neuron 0 kind=1
.crossbar = 1
