; sigmadelta: adds up the changes it is told, and tells changes of its own activation as payloads
;
; law     s' = sat32(s + q), q = input of the step, saturated to 32 bits; y = sat32(s' + bias), with RELU at least 0
;         d = sat32(y - ref)
; fire    |d| >= THETA (magnitude saturated to 32 bits): sends p = d >> OUT (toward zero) as payload, ref = sat32(ref + (p << OUT)), so
;         what the rounding leaves is sent with a later change
; synapse GRADED: adds sat32(weight * payload >> SHIFT, floor); without it each spike counts once, SHIFT has no effect
; IDLE    not allowed by the loader where a lane at rest would fire: THETA <= 0
; WAIT    while wait > 0: it counts down and nothing else happens; input of these steps is lost
; source  sigma-delta neuron of Loihi 2 as in Lava; P. O'Connor, M. Welling: Sigma delta quantized networks (2017)
; counts  update 17 (8 when idle), on_spike 5
; cycles  update 33 … 75, on_spike 44: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option RELU     = 1 0..=1              ; 1: the activation is at least 0
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added to the sum, in every step anew
.option OUT      = 0 0..=24             ; a payload counts in units of 2^OUT
.option WAIT     = 0 0..=1              ; 1: slot `wait` counts down the steps before the first that runs
.option GRADED   = 1 0..=1              ; 1: weights are multiplied by the payload of the spike
.option SHIFT    = 0 0..=31             ; and shifted right by this
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update

.accumulator 32 saturate
.const THETA = 64
.slot s 32
.slot ref 32
.if BIAS
.slot bias 32
.endif
.if WAIT
.slot wait 16
.endif

.update
    .reg s = r1
    .reg ref = r2
    .reg q = r3
    .reg bias = r4
    .reg any = r5
    .reg y = r6
    .reg d = r7
    .reg size = r8
    .reg wait = r9
    .reg fired = p1
    lds     s, s
    lds     ref, ref
    lda     q, 0
.if BIAS
    lds     bias, bias
.endif
.if WAIT
    lds     wait, wait
.endif
.if IDLE
    or      any, q, s
    or      any, any, ref
.if BIAS
    or      any, any, bias
.endif
.if WAIT
    or      any, any, wait
.endif
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
.if WAIT
    cmp.gt  fired, wait, r0
    @fired addi wait, wait, -1
    @fired sts wait, wait
    @fired br done
.endif
    add.s32 s, s, q
    sts     s, s
.if BIAS
    add.s32 y, s, bias
.endif
.if BIAS & RELU
    max     y, y, r0
.endif
.if BIAS == 0 & RELU
    max     y, s, r0
.endif
.if BIAS == 0 & RELU == 0
    add     y, s, r0
.endif
    sub.s32 d, y, ref
    abs.s32 size, d
    cmp.ge  fired, size, THETA
.if OUT
    @fired sra.rz d, d, OUT
    @fired add.s32 ref, ref, d, <<OUT
.else
    @fired add.s32 ref, ref, d
.endif
    @fired spkg d
    sts     ref, ref
done:
    halt
.end

.on_spike
    ldy     r1, weight
.if GRADED
    mfs     r2, payload
    mulq.s32 r1, r1, r2, SHIFT
.endif
    acc     r1
    halt
.end
