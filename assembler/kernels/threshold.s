; threshold: fires on its input alone
;
; law     fires if q + bias > THETA (GE: >=), q = input of the step, wrapped to 22 bits; no membrane, no reset
;         with NOISE the threshold of a step is THETA + (random & NOISE_MASK)
; REFRACT while refractory > 0: it counts down and nothing fires; a spike sets it to REFRACTORY
; IDLE    not allowed by the loader where a lane at rest would fire or draw: THETA < 0, THETA = 0 with GE, NOISE
; source  NIR 1.0 `Threshold`
; counts  update 7 (5 when idle), on_spike 3

.option GE       = 0 0..=1              ; 1: fires at q >= threshold, 0: at q > threshold
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option REFRACT  = 0 0..=1              ; 1: slot `refractory` counts silent steps down from REFRACTORY
.option NOISE    = 0 0..=1              ; 1: threshold of a step = THETA + (random & NOISE_MASK)
.option IDLE     = 1 0..=1              ; 1: a lane without input branches over its update

.accumulator 22 wrap
.const THETA = 0
.if REFRACT
.const REFRACTORY = 1
.endif
.if NOISE
.const NOISE_MASK = 0
.endif
.if BIAS
.slot bias 24
.endif
.if REFRACT
.slot refractory 8
.endif

.update
    .reg q = r2
    .reg bias = r3
    .reg silent = r4
    .reg any = r6
    .reg theta = r7
    .reg fired = p1
    .reg frozen = p2
    lda     q, 0
.if BIAS
    lds     bias, bias
.endif
.if REFRACT
    lds     silent, refractory
.endif
.if IDLE
    or      any, q, r0
.if BIAS
    or      any, any, bias
.endif
.if REFRACT
    or      any, any, silent
.endif
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
.if REFRACT
    cmp.gt  frozen, silent, r0
    @frozen addi silent, silent, -1
    @frozen sts silent, refractory
    @frozen br done
.endif
.if BIAS
    add     q, q, bias
.endif
.if NOISE
    rng     theta, 0
    and     theta, theta, NOISE_MASK
    add     theta, theta, THETA
.if GE
    cmp.ge  fired, q, theta
.else
    cmp.gt  fired, q, theta
.endif
.else
.if GE
    cmp.ge  fired, q, THETA
.else
    cmp.gt  fired, q, THETA
.endif
.endif
.if REFRACT
    @fired add silent, r0, REFRACTORY
    @fired sts silent, refractory
.endif
    @fired spk
done:
    halt
.end

.on_spike
    ldy     r1, weight
    acc     r1
    halt
.end
