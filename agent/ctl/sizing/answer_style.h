/* answer_style.h - how a page looks: on paper-like screens, dark ones, and on paper. */
#ifndef FARMGATE_CTL_SIZING_ANSWER_STYLE_H
#define FARMGATE_CTL_SIZING_ANSWER_STYLE_H

extern const char answer_style[];

#endif
