/* Samples as files, drawn by confined workers. */
#ifndef SERVER_API_PICTURES_H
#define SERVER_API_PICTURES_H

#include "server/net/request.h"

void vdt_handle_image_png(struct vdt_request *request);
void vdt_handle_image_tif(struct vdt_request *request);
void vdt_handle_mask_png(struct vdt_request *request);
void vdt_handle_labels_json(struct vdt_request *request);

#endif
