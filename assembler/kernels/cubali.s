; cubali: leaky integrator with a current, without spikes
;
; law     u' = wrap24((u * DECAY_U >> 12, by ROUND) + q), q = input of the step, wrapped to 22 bits
;         SYN 2: h' as u' of SYN 1, u' = wrap24((u * DECAY_U >> 12, by ROUND) + h')
;         b = wrap24(u' + bias), with OLD wrap24(u + bias)
;         v = sat24((v * DECAY_V >> 12, by ROUND) + b)
; synapse GRADED: adds sat32(weight * payload >> SHIFT, floor); SHIFT has no effect without it
; source  NIR 1.0 `CubaLI`; widths and rounding of Loihi 1 (Davies 2018)
; counts  update 15 (8 when idle), on_spike 3
; cycles  update 33 … 66, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update
.option OLD      = 0 0..=1              ; 1: v integrates the current of the step before
.option SYN      = 1 1..=2              ; synapse: 1 exponential, 2 alpha
.option ROUND    = 0 0..=2              ; decays are rounded toward zero, 1: down, 2: to nearest
.option GRADED   = 0 0..=1              ; 1: weights are multiplied by the payload of the spike
.option SHIFT    = 0 0..=31             ; and shifted right by this

.accumulator 22 wrap
.const DECAY_U = q12(0.8)
.const DECAY_V = q12(0.9)
.slot u 24
.slot v 24
.if BIAS
.slot bias 24
.endif
.if SYN == 2
.slot h 24
.endif

.update
    .reg v = r1
    .reg q = r2
    .reg bias = r3
    .reg any = r6
    .reg u = r8
    .reg b = r9
    .reg h = r10
    lds     u, u
    lds     v, v
    lda     q, 0
.if BIAS
    lds     bias, bias
.endif
.if SYN == 2
    lds     h, h
.endif
.if IDLE
    or      any, q, u
    or      any, any, v
.if BIAS
    or      any, any, bias
.endif
.if SYN == 2
    or      any, any, h
.endif
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
.if OLD
    add     b, u, r0
.endif
.if SYN == 2 & ROUND == 0
    mulq.rz h, h, DECAY_U, 12
.endif
.if SYN == 2 & ROUND == 1
    mulq    h, h, DECAY_U, 12
.endif
.if SYN == 2 & ROUND == 2
    mulq.rn h, h, DECAY_U, 12
.endif
.if SYN == 2
    add.w24 h, h, q
    sts     h, h
    add     q, h, r0
.endif
.if ROUND == 0
    mulq.rz u, u, DECAY_U, 12
.endif
.if ROUND == 1
    mulq    u, u, DECAY_U, 12
.endif
.if ROUND == 2
    mulq.rn u, u, DECAY_U, 12
.endif
    add.w24 u, u, q
    sts     u, u
.if OLD == 0
    add     b, u, r0
.endif
.if BIAS
    add.w24 b, b, bias
.endif
.if ROUND == 0
    mulq.rz v, v, DECAY_V, 12
.endif
.if ROUND == 1
    mulq    v, v, DECAY_V, 12
.endif
.if ROUND == 2
    mulq.rn v, v, DECAY_V, 12
.endif
    add.s24 v, v, b
    sts     v, v
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
