; cubali: leaky integrator with a current, without spikes
;
; law     u' = wrap24((u * DECAY_U >> 12, toward zero) + q), q = input of the step, wrapped to 22 bits
;         b = wrap24(u' + bias), with OLD wrap24(u + bias)
;         v = sat24((v * DECAY_V >> 12, toward zero) + b)
; source  NIR 1.0 `CubaLI`; widths and rounding of Loihi 1 (Davies 2018)
; counts  update 15 (8 when idle), on_spike 3

.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update
.option OLD      = 0 0..=1              ; 1: v integrates the current of the step before

.accumulator 22 wrap
.const DECAY_U = q12(0.8)
.const DECAY_V = q12(0.9)
.slot u 24
.slot v 24
.if BIAS
.slot bias 24
.endif

.update
    .reg v = r1
    .reg q = r2
    .reg bias = r3
    .reg any = r6
    .reg u = r8
    .reg b = r9
    lds     u, u
    lds     v, v
    lda     q, 0
.if BIAS
    lds     bias, bias
.endif
.if IDLE
    or      any, q, u
    or      any, any, v
.if BIAS
    or      any, any, bias
.endif
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
.if OLD
    add     b, u, r0
.endif
    mulq.rz u, u, DECAY_U, 12
    add.w24 u, u, q
    sts     u, u
.if OLD == 0
    add     b, u, r0
.endif
.if BIAS
    add.w24 b, b, bias
.endif
    mulq.rz v, v, DECAY_V, 12
    add.s24 v, v, b
    sts     v, v
done:
    halt
.end

.on_spike
    ldy     r1, weight
    acc     r1
    halt
.end
