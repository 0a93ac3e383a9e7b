; stochastic: leaky integrate and fire, by chance
;
; law     v = sat24((v * DECAY >> 12, toward zero) + q + bias), q = input of the step, wrapped to 22 bits
; fire    with probability SIGMOID[((v - THETA) >> SHIFT) + 128] / 65536, the index held in 0 ... 255: never far below THETA, always
;         far above, one half at it; entry i = 65536 / (1 + exp(-(i - 127.5) / 16)), so v - THETA = 16 * 2^SHIFT gives 0.73
; NOISE   instead: v > THETA + ((a - b) << SHIFT), a and b of 0 ... NOISE_MASK (at most 65535), drawn in every step
; reset   v = RESET_V (RESET 0), v = sat24(v - THETA) (RESET 1; always THETA, without noise), v stays (RESET 2)
; REFRACT while refractory > 0: it counts down and v stays, nothing fires or is drawn; a spike sets it to REFRACTORY
; source  escape noise: Gerstner et al., Neuronal Dynamics, 2014, section 9.1; docs/kernels/stochastic.md
; counts  update 14 (every lane, every step), on_spike 3
; cycles  update 69, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option RESET    = 0 0..=2              ; 0 to RESET_V, 1 minus THETA, 2 none
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option REFRACT  = 0 0..=1              ; 1: slot `refractory` counts silent steps down from REFRACTORY
.option NOISE    = 0 0..=1              ; 0: fires with a probability, 1: the threshold of a step is drawn
.option SHIFT    = 6 0..=15             ; width of the table's steps, or of the noise's, as a power of two

.accumulator 22 wrap
.const DECAY = q12(0.9)
.const THETA = 6400
.if RESET == 0
.const RESET_V = 0
.endif
.if REFRACT
.const REFRACTORY = 1
.endif
.if NOISE
.const NOISE_MASK = 0
.endif
.slot v 24
.if BIAS
.slot bias 24
.endif
.if REFRACT
.slot refractory 8
.endif
.if NOISE == 0
.table SIGMOID =
      0 24 26 27 29 31 33 35 37 40 42 45 48 51 54 58
      62 66 70 74 79 84 90 95 101 108 115 122 130 139 148 157
      167 178 189 202 215 228 243 259 275 293 312 332 353 376 400 425
      452 481 512 545 580 617 656 698 743 790 840 894 951 1011 1075 1143
      1215 1292 1374 1461 1553 1650 1754 1864 1980 2104 2235 2374 2521 2677 2842 3017
      3202 3398 3605 3824 4055 4299 4557 4830 5117 5420 5739 6074 6428 6799 7190 7600
      8030 8481 8953 9447 9964 10503 11066 11653 12264 12899 13559 14243 14952 15686 16444 17226
      18031 18859 19710 20582 21474 22386 23316 24263 25226 26202 27191 28190 29198 30213 31233 32256
      33280 34303 35323 36338 37346 38345 39334 40310 41273 42220 43150 44062 44954 45826 46677 47505
      48310 49092 49850 50584 51293 51977 52637 53272 53883 54470 55033 55572 56089 56583 57055 57506
      57936 58346 58737 59108 59462 59797 60116 60419 60706 60979 61237 61481 61712 61931 62138 62334
      62519 62694 62859 63015 63162 63301 63432 63556 63672 63782 63886 63983 64075 64162 64244 64321
      64393 64461 64525 64585 64642 64696 64746 64793 64838 64880 64919 64956 64991 65024 65055 65084
      65111 65136 65160 65183 65204 65224 65243 65261 65277 65293 65308 65321 65334 65347 65358 65369
      65379 65388 65397 65406 65414 65421 65428 65435 65441 65446 65452 65457 65462 65466 65470 65474
      65478 65482 65485 65488 65491 65494 65496 65499 65501 65503 65505 65507 65509 65510 65512 65536
.endif

.update
    .reg v = r1
    .reg q = r2
    .reg bias = r3
    .reg silent = r4
    .reg theta = r5
    .reg above = r6
    .reg half = r7
    .reg chance = r8
    .reg random = r9
    .reg other = r10
    .reg fired = p1
    .reg frozen = p2
    lds     v, v
    lda     q, 0
.if REFRACT
    lds     silent, refractory
    cmp.gt  frozen, silent, r0
    @frozen addi silent, silent, -1
    @frozen sts silent, refractory
    @frozen br done
.endif
.if BIAS
    lds     bias, bias
    add     q, q, bias
.endif
    mulq.rz v, v, DECAY, 12
    add.s24 v, v, q
.if NOISE
    rng     random, 0
    and     other, random, NOISE_MASK
    srl     random, random, 16
    and     random, random, NOISE_MASK
    sub     random, random, other
    add     theta, r0, THETA
    add.s32 theta, theta, random, <<SHIFT
    cmp.gt  fired, v, theta
.else
    sub.s32 above, v, THETA
    li      half, 128
    add.s32 above, above, half, <<SHIFT
    lut     chance, above, SIGMOID, SHIFT
    rng     random, 16
    cmp.lt  fired, random, chance
.endif
.if RESET == 0
    @fired add v, r0, RESET_V
.endif
.if RESET == 1
    @fired sub.s24 v, v, THETA
.endif
.if REFRACT
    @fired add silent, r0, REFRACTORY
    @fired sts silent, refractory
.endif
    @fired spk
    sts     v, v
done:
    halt
.end

.on_spike
    ldy     r1, weight
    acc     r1
    halt
.end
